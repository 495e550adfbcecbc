/* Exception names are one table; everything else is a few members of JSON objects. */
#include "store/webhdfs/answer.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "ext/json.h"

static const struct {
	const char *name;
	enum answer_kind kind;
} exception[] = {
    {"FileNotFoundException", ANSWER_ABSENT},
    {"FileAlreadyExistsException", ANSWER_TAKEN},
    {"AlreadyBeingCreatedException", ANSWER_BEING_WRITTEN},
    {"RecoveryInProgressException", ANSWER_BEING_WRITTEN},
    {"LeaseExpiredException", ANSWER_BEING_WRITTEN},
    {"ParentNotDirectoryException", ANSWER_NOT_DIRECTORY},
    {"PathIsNotDirectoryException", ANSWER_NOT_DIRECTORY},
    {"PathIsNotEmptyDirectoryException", ANSWER_NOT_EMPTY},
    {"StandbyException", ANSWER_ELSEWHERE},
    {"ObserverRetryOnActiveException", ANSWER_ELSEWHERE},
    {"RetriableException", ANSWER_ELSEWHERE},
    {"SafeModeException", ANSWER_LATER},
    {"DSQuotaExceededException", ANSWER_FULL},
    {"NSQuotaExceededException", ANSWER_FULL},
    {"QuotaByStorageTypeExceededException", ANSWER_FULL},
    {"QuotaExceededException", ANSWER_FULL},
    {"MaxDirectoryItemsExceededException", ANSWER_FULL},
    {"AccessControlException", ANSWER_DENIED},
    {"AuthorizationException", ANSWER_DENIED},
    {"SecurityException", ANSWER_DENIED},
    {"InvalidToken", ANSWER_TOKEN},
    {"PathComponentTooLongException", ANSWER_REFUSED},
    {"InvalidPathException", ANSWER_REFUSED},
    {"IllegalArgumentException", ANSWER_REFUSED},
    {"UnsupportedOperationException", ANSWER_REFUSED},
};

/* Nested classes come as Outer.Inner or Outer$Inner. */
static enum answer_kind kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof exception / sizeof exception[0]; i++) {
		size_t len = strlen(name), own = strlen(exception[i].name);
		if (str_ends(name, exception[i].name) && (len == own || strchr(".$", name[len - own - 1]) != NULL))
			return exception[i].kind;
	}
	return ANSWER_OTHER;
}

static enum answer_kind kind_of_status(int status)
{
	if (status == 401)
		return ANSWER_DENIED;
	return status == 429 || status >= 500 ? ANSWER_LATER : ANSWER_OTHER;
}

static bool holds(const char *text, const char *secret)
{
	return secret != NULL && secret[0] != '\0' && strstr(text, secret) != NULL;
}

/* Messages carry Java stack traces from their second line on. */
static void say(struct answer *out, const char *name, const char *message, const char *secret)
{
	size_t len = strcspn(message, "\r\n");
	int most = (int)(len < 160 ? len : 160);
	snprintf(out->text, sizeof out->text, "%.60s%s%.*s", name, len > 0 ? ": " : "", most, message);
	if (holds(name, secret) || holds(message, secret))
		snprintf(out->text, sizeof out->text, "%s", "an error whose text holds a secret");
	for (char *p = out->text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
}

void answer_read(int status, const char *body, size_t size, const char *secret, struct answer *out)
{
	json_t *root = NULL;
	struct err ignored;
	const char *name = NULL, *message = "";
	*out = (struct answer){.kind = ANSWER_OK, .status = status};
	if (status >= 200 && status < 400)
		return;
	json_t *remote = size > 0 && json_parse(body, size, &root, &ignored) == RC_OK
	                     ? json_object_get(root, "RemoteException")
	                     : NULL;
	if (remote != NULL && json_get_text(remote, "exception", &name, &ignored) == RC_OK) {
		(void)!json_get_text(remote, "message", &message, &ignored);
		out->kind = kind_of(name);
		if (out->kind == ANSWER_DENIED && strstr(message, "InvalidToken") != NULL)
			out->kind = ANSWER_TOKEN;
		/* DELETE below a file is refused as if rights were missing. */
		if (out->kind == ANSWER_DENIED && strstr(message, "(is not a directory)") != NULL)
			out->kind = ANSWER_NOT_DIRECTORY;
		/* Whom an OPEN would be sent to. */
		if (strstr(message, "No active nodes contain this block") != NULL)
			out->kind = ANSWER_LACKING;
		/* What is unknown and comes from a server that is unwell may pass. */
		if (out->kind == ANSWER_OTHER && status >= 500)
			out->kind = ANSWER_LATER;
		say(out, name, message, secret);
	} else {
		out->kind = kind_of_status(status);
		snprintf(out->text, sizeof out->text, "status %d", status);
	}
	json_decref(root);
}

static enum rc parse(const char *body, size_t size, json_t **out, struct err *e)
{
	enum rc rc = json_parse(body, size, out, e);
	return rc == RC_OK ? RC_OK : err_wrap(RC_AGAIN, e, "the answer is not understood");
}

static enum rc strange(struct err *e, const char *missing)
{
	return err_set(RC_AGAIN, e, "the answer has no %s", missing);
}

enum rc answer_boolean(const char *body, size_t size, bool *out, struct err *e)
{
	json_t *root = NULL;
	enum rc rc = parse(body, size, &root, e);
	if (rc != RC_OK)
		return rc;
	const json_t *value = json_object_get(root, "boolean");
	if (json_is_boolean(value))
		*out = json_is_true(value);
	else
		rc = strange(e, "boolean");
	json_decref(root);
	return rc;
}

static enum rc number(const json_t *object, const char *key, int64_t *out, struct err *e)
{
	enum rc rc = json_get_int(object, key, out, e);
	return rc != RC_OK || *out < 0 ? strange(e, key) : RC_OK;
}

enum rc answer_status(const char *body, size_t size, struct store_stat *out, struct err *e)
{
	json_t *root = NULL;
	int64_t length = 0, modified = 0;
	const char *type = NULL;
	enum rc rc = parse(body, size, &root, e);
	if (rc != RC_OK)
		return rc;
	const json_t *s = json_object_get(root, "FileStatus");
	if (s == NULL || json_get_text(s, "type", &type, e) != RC_OK)
		rc = strange(e, "FileStatus");
	if (rc == RC_OK)
		rc = number(s, "length", &length, e);
	if (rc == RC_OK)
		rc = number(s, "modificationTime", &modified, e);
	if (rc == RC_OK && modified > INT64_MAX / 1000000)
		rc = strange(e, "modificationTime");
	if (rc == RC_OK)
		*out = (struct store_stat){.size = (uint64_t)length,
		    .modified_ns = modified * (NS_PER_S / 1000),
		    .directory = strcmp(type, "DIRECTORY") == 0};
	json_decref(root);
	return rc;
}

enum rc answer_space(const char *body, size_t size, uint64_t *free_bytes, struct err *e)
{
	json_t *root = NULL;
	int64_t left = 0;
	enum rc rc = parse(body, size, &root, e);
	if (rc != RC_OK)
		return rc;
	const json_t *s = json_object_get(root, "FsStatus");
	rc = s == NULL ? strange(e, "FsStatus") : number(s, "remaining", &left, e);
	if (rc == RC_OK)
		*free_bytes = (uint64_t)left;
	json_decref(root);
	return rc;
}

enum rc answer_listing(const char *body, size_t size, void (*see)(void *context, const char *name), void *context,
    uint64_t *remaining, struct err *e)
{
	json_t *root = NULL;
	int64_t more = 0;
	enum rc rc = parse(body, size, &root, e);
	if (rc != RC_OK)
		return rc;
	const json_t *batch = json_object_get(root, "DirectoryListing");
	const json_t *within = batch != NULL ? json_object_get(batch, "partialListing") : root;
	const json_t *list = json_object_get(json_object_get(within, "FileStatuses"), "FileStatus");
	if (!json_is_array(list))
		rc = strange(e, "FileStatuses");
	if (rc == RC_OK && batch != NULL)
		rc = number(batch, "remainingEntries", &more, e);
	size_t count = rc == RC_OK ? json_array_size(list) : 0;
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		const json_t *name = json_object_get(json_array_get(list, i), "pathSuffix");
		if (!json_is_string(name))
			rc = strange(e, "pathSuffix");
		else
			see(context, json_string_value(name));
	}
	if (rc == RC_OK)
		*remaining = (uint64_t)more;
	json_decref(root);
	return rc;
}
