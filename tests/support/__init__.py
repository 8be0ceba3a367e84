"""What tests share. No test module imports another one; what two of them need is here."""
