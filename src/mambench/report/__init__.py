"""A report in, text out, and back; and the journal beside a report that is still growing. Decides nothing."""
