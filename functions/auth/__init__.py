"""The auth slice: who may come in, and the manual that tells them what they find."""
