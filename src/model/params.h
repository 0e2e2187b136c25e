/* params.h - see params.c; the public part is in model.h. */
#ifndef MODEL_PARAMS_H
#define MODEL_PARAMS_H
#include "model/arch.h"

/* The row of general.architecture; NULL with an error that lists those that there are. */
const struct arch *params_arch(const struct gguf *g, struct error *err);

#endif
