"""Tables of the Worklist service (PS3.18 chapter 11): workitems and subscriptions."""
