int rc_placeholder(void);
