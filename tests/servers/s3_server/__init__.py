"""An S3 server for the tests: OpenStack Swift's S3 API in an environment of its own (`requirements/s3.txt`).

It runs as `python -m tests.servers.s3_server`; `tests.servers.s3.S3Server` starts it. Objects lie in a folder and
survive a kill. Signatures, keys, regions, checksums and part sizes are checked as S3 does. In front of it stands what
Swift has not: S3's answer to an unknown key; and what only a test wants: faults, and a log of the requests.
"""
