"""What phones send: whose it is, and the words that opt a number out or in."""
