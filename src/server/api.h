/* api.h - the route handlers; each in api_<endpoint>.c, each answers its call exactly once. */
#ifndef SERVER_API_H
#define SERVER_API_H
#include "server/call.h"

void api_chat(struct call *call);           /* POST /v1/chat/completions */
void api_completions(struct call *call);    /* POST /v1/completions */
void api_models(struct call *call);         /* GET /v1/models */
void api_model(struct call *call);          /* GET /v1/models/NAME */
void api_health(struct call *call);         /* GET /health */
void api_props(struct call *call);          /* GET /props */
void api_tokenize(struct call *call);       /* POST /tokenize */
void api_detokenize(struct call *call);     /* POST /detokenize */
void api_apply_template(struct call *call); /* POST /apply-template */

#endif
