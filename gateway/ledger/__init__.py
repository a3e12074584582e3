"""The ledger is the queue: every operation, case and call is a row, and permission to send is one transaction."""
