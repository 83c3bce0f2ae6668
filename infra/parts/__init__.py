"""House defaults, each written once: what a function, a queue, a table or an API is in this house."""
