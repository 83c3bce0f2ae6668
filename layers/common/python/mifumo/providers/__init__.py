"""Providers: clients of the companies that carry our texts and take our payments; none of them stores anything."""
