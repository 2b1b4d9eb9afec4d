"""The eight views, one a file: each only says which widgets it has and how they stand."""
