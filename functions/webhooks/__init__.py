"""The webhooks slice: the public door, where providers prove themselves and leave what they have to say."""
