#include "seal_km_json_write.h"
#include "seal_km_notice.h"


size_t
seal_km_notice_size(const seal_km_notice_t *notice)
{
    char  number[SEAL_KM_JSON_INT_SIZE];

    /* the first member has a brace where the others have a comma */

    return seal_km_json_name_size("time")
           + seal_km_json_write_int(notice->time, number)
           + seal_km_json_member_size("skmsUri", notice->skms_uri)
           + seal_km_json_member_size("reason", notice->reason)
           + seal_km_json_member_size("errorCode", notice->error_code)
           + seal_km_json_member_size("serviceId", notice->service_id)
           + seal_km_json_member_size("identityType", notice->identity_type)
           + seal_km_json_member_size("identity", notice->identity)
           + seal_km_json_member_size("clientId", notice->client_id)
           + seal_km_json_name_size("count")
           + seal_km_json_write_int(notice->count, number)
           + 1;
}


char *
seal_km_notice_write(const seal_km_notice_t *notice, char *dst)
{
    char  *start;

    start = dst;

    dst = seal_km_json_write_name(dst, "time");
    dst += seal_km_json_write_int(notice->time, dst);

    dst = seal_km_json_write_member(dst, "skmsUri", notice->skms_uri);
    dst = seal_km_json_write_member(dst, "reason", notice->reason);
    dst = seal_km_json_write_member(dst, "errorCode", notice->error_code);
    dst = seal_km_json_write_member(dst, "serviceId", notice->service_id);
    dst = seal_km_json_write_member(dst, "identityType",
                                    notice->identity_type);
    dst = seal_km_json_write_member(dst, "identity", notice->identity);
    dst = seal_km_json_write_member(dst, "clientId", notice->client_id);

    dst = seal_km_json_write_name(dst, "count");
    dst += seal_km_json_write_int(notice->count, dst);

    *start = '{';
    *dst++ = '}';

    return dst;
}
