"""The deployed local stack, over HTTP, with IAM enforced."""
