"""The sms slice: sender IDs, and texts from accept to receipt."""
