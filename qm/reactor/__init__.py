"""One thread owns the state; workers carry effects out and post what came of them."""
