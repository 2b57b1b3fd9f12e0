/*
 * What a connection says, and has to hear, before it is used.
 */


#include "seal_km_redis_connect.h"
#include "seal_km_redis_greeting.h"
#include "seal_km_redis_wire.h"


#define SEAL_KM_REDIS_CLIENT_NAME  "nginx-seal-km"


static ngx_int_t seal_km_redis_greet_auth(seal_km_redis_connection_t *rc);
static ngx_int_t seal_km_redis_greet_select(seal_km_redis_connection_t *rc);
static ngx_int_t seal_km_redis_greet_word(seal_km_redis_connection_t *rc,
    const char *word, ngx_uint_t flags, seal_km_redis_command_pt handler);
static ngx_int_t seal_km_redis_greet_setname(seal_km_redis_connection_t *rc);
static ngx_int_t seal_km_redis_greet_subscribe(seal_km_redis_connection_t *rc);
static void seal_km_redis_auth_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply);
static void seal_km_redis_select_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply);
static void seal_km_redis_readonly_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply);
static void seal_km_redis_role_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply);
static void seal_km_redis_greet_answered(seal_km_redis_connection_t *rc,
    seal_km_redis_reply_t *reply, const char *refused);
static void seal_km_redis_setname_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply);
static void seal_km_redis_subscribe_handler(void *data,
    seal_km_redis_end_e end, seal_km_redis_reply_t *reply);
static const char *seal_km_redis_refusal(seal_km_redis_reply_t *reply);
static ngx_uint_t seal_km_redis_has_too_many(seal_km_redis_reply_t *reply);
static ngx_uint_t seal_km_redis_is_denial(seal_km_redis_reply_t *reply);


/*
 * What is answered before any query is written.  SETNAME is a courtesy, for
 * which a user with nothing but +get need not be allowed.
 */

ngx_int_t
seal_km_redis_greet(seal_km_redis_connection_t *rc)
{
    ngx_uint_t  role;

    role = SEAL_KM_REDIS_GREET_MASTER|SEAL_KM_REDIS_GREET_REPLICA;

    if (rc->settings->password.len
        && seal_km_redis_greet_auth(rc) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (rc->settings->database
        && seal_km_redis_greet_select(rc) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (rc->greeting & role
        && seal_km_redis_greet_word(rc, "ROLE", SEAL_KM_REDIS_KIND_ARRAY,
                                    seal_km_redis_role_handler)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (rc->greeting & SEAL_KM_REDIS_GREET_READONLY
        && seal_km_redis_greet_word(rc, "READONLY",
                                    SEAL_KM_REDIS_KIND_STATUS,
                                    seal_km_redis_readonly_handler)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!rc->nameless && seal_km_redis_greet_setname(rc) != NGX_OK) {
        return NGX_ERROR;
    }

    if (rc->greeting & SEAL_KM_REDIS_GREET_SUBSCRIBE) {
        return seal_km_redis_greet_subscribe(rc);
    }

    return NGX_OK;
}


static ngx_int_t
seal_km_redis_greet_select(seal_km_redis_connection_t *rc)
{
    u_char       database[NGX_INT_T_LEN + 1];
    const char  *argv[2];

    *ngx_sprintf(database, "%ui", rc->settings->database) = '\0';

    argv[0] = "SELECT";
    argv[1] = (char *) database;

    return seal_km_redis_wire_greet(rc, 2, argv, NULL,
                                       SEAL_KM_REDIS_KIND_STATUS,
                                       seal_km_redis_select_handler);
}


static ngx_int_t
seal_km_redis_greet_word(seal_km_redis_connection_t *rc, const char *word,
    ngx_uint_t flags, seal_km_redis_command_pt handler)
{
    return seal_km_redis_wire_greet(rc, 1, &word, NULL, flags, handler);
}


static ngx_int_t
seal_km_redis_greet_setname(seal_km_redis_connection_t *rc)
{
    const char  *argv[3];

    argv[0] = "CLIENT";
    argv[1] = "SETNAME";
    argv[2] = SEAL_KM_REDIS_CLIENT_NAME;

    return seal_km_redis_wire_greet(rc, 3, argv, NULL,
                                    SEAL_KM_REDIS_KIND_STATUS,
                                    seal_km_redis_setname_handler);
}


static ngx_int_t
seal_km_redis_greet_auth(seal_km_redis_connection_t *rc)
{
    size_t       len[3];
    ngx_uint_t   n;
    ngx_str_t   *user, *password;
    const char  *argv[3];

    user = &rc->settings->user;
    password = &rc->settings->password;

    argv[0] = "AUTH";
    len[0] = 4;
    n = 1;

    if (user->len) {
        argv[n] = (char *) user->data;
        len[n++] = user->len;
    }

    argv[n] = (char *) password->data;
    len[n++] = password->len;

    return seal_km_redis_wire_greet(rc, n, argv, len,
                                       SEAL_KM_REDIS_KIND_STATUS,
                                       seal_km_redis_auth_handler);
}


static ngx_int_t
seal_km_redis_greet_subscribe(seal_km_redis_connection_t *rc)
{
    const char  *argv[2];

    argv[0] = "SUBSCRIBE";
    argv[1] = "+switch-master";

    return seal_km_redis_wire_greet(rc, 2, argv, NULL, SEAL_KM_REDIS_KIND_ARRAY,
                                    seal_km_redis_subscribe_handler);
}


static void
seal_km_redis_auth_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply)
{
    seal_km_redis_connection_t  *rc = data;

    if (end != SEAL_KM_REDIS_ANSWERED) {
        return;
    }

    if (rc->settings->sentinels) {
        seal_km_redis_greet_answered(rc, reply,
                       "refused the credentials: check "
                       "\"seal_km_redis_sentinel_user\" and "
                       "\"seal_km_redis_sentinel_password\" against its ACL");
        return;
    }

    seal_km_redis_greet_answered(rc, reply,
                                "refused the credentials: check "
                                "\"seal_km_redis_user\" and "
                                "\"seal_km_redis_password\" against its ACL");
}


static void
seal_km_redis_select_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply)
{
    if (end == SEAL_KM_REDIS_ANSWERED) {
        seal_km_redis_greet_answered(data, reply,
                                "refused the database: check "
                                "\"seal_km_redis_database\", and that the "
                                "user has +select");
    }
}


static void
seal_km_redis_readonly_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply)
{
    if (end == SEAL_KM_REDIS_ANSWERED) {
        seal_km_redis_greet_answered(data, reply,
                                "refused to be read as a replica: check that "
                                "the user has +readonly");
    }
}


/*
 * Redis calls a replica a slave here; one that is not connected to its master
 * may have read nothing of it yet.
 */

ngx_uint_t
seal_km_redis_greeting_fits(ngx_uint_t greeting, seal_km_redis_reply_t *reply)
{
    return (greeting & SEAL_KM_REDIS_GREET_MASTER
            && seal_km_redis_reply_is_string(reply, 0, "master"))
           || (greeting & SEAL_KM_REDIS_GREET_REPLICA
               && seal_km_redis_reply_is_string(reply, 0, "slave")
               && seal_km_redis_reply_is_string(reply, 3, "connected"));
}


/*
 * A server in the other role is not at fault, but must not be asked: it may be
 * empty, or behind.
 */

static void
seal_km_redis_role_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply)
{
    const char                  *what;
    ngx_uint_t                   fits;
    seal_km_redis_connection_t  *rc = data;

    if (end != SEAL_KM_REDIS_ANSWERED) {
        return;
    }

    fits = seal_km_redis_greeting_fits(rc->greeting, reply);

    what = seal_km_redis_refusal(reply);

    if (what == NULL) {
        what = (reply->type == SEAL_KM_REDIS_REPLY_ARRAY)
               ? "is not in the role that a sentinel says"
               : "did not tell its role: check that the user has +role";
    }

    rc->denying = seal_km_redis_is_denial(reply);

    seal_km_redis_reply_free(reply);

    if (fits) {
        seal_km_redis_connect_greeted(rc);

    } else {
        seal_km_redis_connection_refused(rc, what);
    }
}


static void
seal_km_redis_greet_answered(seal_km_redis_connection_t *rc,
    seal_km_redis_reply_t *reply, const char *refused)
{
    const char  *what;

    if (reply->type != SEAL_KM_REDIS_REPLY_STATUS) {
        what = seal_km_redis_refusal(reply);
        rc->denying = seal_km_redis_is_denial(reply);

        /* its text may quote the password, and is told to nobody */
        seal_km_redis_reply_free(reply);

        seal_km_redis_connection_refused(rc, what ? what : refused);
        return;
    }

    seal_km_redis_connect_greeted(rc);
}


/* a refusal of the name is nobody's concern, one of the connection is */

static void
seal_km_redis_setname_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply)
{
    const char                  *what;
    seal_km_redis_connection_t  *rc = data;

    if (end != SEAL_KM_REDIS_ANSWERED) {
        return;
    }

    what = seal_km_redis_refusal(reply);
    rc->denying = (what && seal_km_redis_is_denial(reply));

    seal_km_redis_reply_free(reply);

    if (what) {
        seal_km_redis_connection_refused(rc, what);

    } else {
        seal_km_redis_connect_greeted(rc);
    }
}


/* the first message of the subscription is the answer */

static void
seal_km_redis_subscribe_handler(void *data, seal_km_redis_end_e end,
    seal_km_redis_reply_t *reply)
{
    const char                  *what;
    seal_km_redis_connection_t  *rc = data;

    if (end != SEAL_KM_REDIS_ANSWERED) {
        return;
    }

    if (reply->type == SEAL_KM_REDIS_REPLY_ARRAY) {
        seal_km_redis_reply_free(reply);
        seal_km_redis_connect_greeted(rc);
        return;
    }

    what = seal_km_redis_refusal(reply);

    seal_km_redis_reply_free(reply);

    seal_km_redis_connection_refused(rc, what ? what :
                                "refused the subscription: check that its "
                                "user has +subscribe and &+switch-master");
}


/*
 * A server may refuse whom it has accepted, in its first reply to whatever.
 * Says what an operator must do then; NULL if it does not refuse.
 */

static const char *
seal_km_redis_refusal(seal_km_redis_reply_t *reply)
{
    ngx_str_t  code;

    if (reply->type != SEAL_KM_REDIS_REPLY_ERROR) {
        return NULL;
    }

    code = seal_km_redis_reply_error_code(reply);

    if (code.len == 6 && ngx_strncmp(code.data, "NOAUTH", 6) == 0) {
        return "wants a password: set \"seal_km_redis_password\", or that of "
               "the sentinels";
    }

    if (code.len == 6 && ngx_strncmp(code.data, "DENIED", 6) == 0) {
        return "refuses this host: see its \"protected-mode\"";
    }

    return seal_km_redis_has_too_many(reply)
           ? "has too many clients: raise its \"maxclients\"" : NULL;
}


static ngx_uint_t
seal_km_redis_has_too_many(seal_km_redis_reply_t *reply)
{
    static const char  too_many[] = "ERR max number of clients";

    return reply->len >= sizeof(too_many) - 1
           && ngx_strncmp(reply->data, too_many, sizeof(too_many) - 1) == 0;
}


/* an operator has to change something: waiting will not do */

static ngx_uint_t
seal_km_redis_is_denial(seal_km_redis_reply_t *reply)
{
    return reply->type == SEAL_KM_REDIS_REPLY_ERROR
           && !seal_km_redis_reply_is_error(reply, "LOADING")
           && !seal_km_redis_has_too_many(reply);
}
