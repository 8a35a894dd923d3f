"""Tables as streams of rows: readers and writers of files, and outputs that can be continued."""
