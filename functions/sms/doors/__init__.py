"""The routes of the sms slice, one thing each."""
