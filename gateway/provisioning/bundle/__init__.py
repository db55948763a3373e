"""`parley bundle`: one archive with everything that a machine without internet needs."""
