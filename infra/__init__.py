"""The plot plan: every AWS resource of the product, as a CDK app."""
