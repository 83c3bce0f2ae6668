"""CSV files as customers send them: their columns, rows, numbers and what is refused of them."""
