#include "seal_km_json_write.h"
#include "seal_km_key_info.h"
#include "seal_km_query.h"


static size_t seal_km_key_info_value_size(const seal_km_key_info_t *info);
static char *seal_km_key_info_write_value(char *dst,
    const seal_km_key_info_t *info);
static seal_km_str_t seal_km_key_info_text(seal_km_str_t text);


size_t
seal_km_key_info_size(const seal_km_key_info_t *info)
{
    size_t       size;
    const char  *target;

    size = seal_km_json_member_size("userUri",
                                    seal_km_key_info_text(info->user_uri))
           + seal_km_json_member_size("skmsId", info->skms_id)
           + seal_km_json_member_size("valService", info->service_id)
           + seal_km_json_name_size("keyInfo")
           + seal_km_key_info_value_size(info);

    target = seal_km_query_target_name(info->target_type);

    if (target != NULL) {
        size += seal_km_json_name_size("valTgtUe")
                + seal_km_json_member_size(target, info->target)
                + 1;
    }

    /* the first member has a brace where the others have a comma */

    return size + 1;
}


char *
seal_km_key_info_write(const seal_km_key_info_t *info, char *dst)
{
    char        *start, *object;
    const char  *target;

    start = dst;

    dst = seal_km_json_write_member(dst, "userUri",
                                    seal_km_key_info_text(info->user_uri));
    dst = seal_km_json_write_member(dst, "skmsId", info->skms_id);
    dst = seal_km_json_write_member(dst, "valService", info->service_id);

    target = seal_km_query_target_name(info->target_type);

    if (target != NULL) {
        object = seal_km_json_write_name(dst, "valTgtUe");
        dst = seal_km_json_write_member(object, target, info->target);
        *object = '{';
        *dst++ = '}';
    }

    dst = seal_km_json_write_name(dst, "keyInfo");
    dst = seal_km_key_info_write_value(dst, info);

    *start = '{';
    *dst++ = '}';

    return dst;
}


static size_t
seal_km_key_info_value_size(const seal_km_key_info_t *info)
{
    if (info->form == SEAL_KM_PAYLOAD_BASE64) {
        return seal_km_json_base64_size(info->record);
    }

    return info->simple
           ? seal_km_json_simple_size(info->record)
           : seal_km_json_string_size(seal_km_key_info_text(info->record));
}


static char *
seal_km_key_info_write_value(char *dst, const seal_km_key_info_t *info)
{
    if (info->form == SEAL_KM_PAYLOAD_BASE64) {
        return seal_km_json_write_base64(dst, info->record);
    }

    return info->simple
           ? seal_km_json_write_simple(dst, info->record)
           : seal_km_json_write_string(dst,
                                       seal_km_key_info_text(info->record));
}


/* 29.549 demands the member where there is nothing to tell */

static seal_km_str_t
seal_km_key_info_text(seal_km_str_t text)
{
    if (text.data == NULL) {
        text.data = "";
    }

    return text;
}
