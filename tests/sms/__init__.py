"""The sms slice's proofs."""
