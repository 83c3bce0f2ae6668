"""Plans: batches laid out ahead in objects of S3, priced before they are sent."""
