"""Read one style of captcha, learnt from a few hundred labelled images of it."""
