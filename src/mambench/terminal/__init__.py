"""What a person sees: tables, bars, progress, messages. The only importer of rich."""
