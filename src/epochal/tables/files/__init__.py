"""A file of text or Parquet as a data frame, however people write them."""
