/* model_key.h - everything that a page of keys and values depends on besides its tokens.
 *
 * Two engines with equal keys compute equal pages, bit for bit, from equal tokens. */
#ifndef ENGINE_MODEL_KEY_H
#define ENGINE_MODEL_KEY_H
#include "engine/engine.h"
#include "kv/kv_store_key.h"
#include "model/model.h"

bool model_key(struct kv_store_key *out, const struct gguf *g, const struct model_params *p,
               const struct backend_kv_layout *layout, const struct engine_info *info);

#endif
