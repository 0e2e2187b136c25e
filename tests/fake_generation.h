/* fake_generation.h - generation.h without a model: the prompt itself scripts the answer.
 *
 * Linked instead of the engine, it makes the server's promises testable on any machine: silence,
 * slow prompts, errors, cancellation.  Words of the prompt that read key=value are the script:
 *
 *     queue_ms=N     waits that long in a queue           prefill_ms=N   then computes the prompt
 *     tick_ms=N      progress events that often (0: none) step_ms=N      between two tokens
 *     tokens=N       the answer has N words               mark=W         "W0 W1 W2 …"
 *     say=A_B        the answer is "A B"                  show=request   it tells the settings
 *     error=CODE     ends in that error (error_code_name) after=N        after N tokens of answer
 *     open=CODE      refused when submitted               prompt=CODE    refused when tokenised
 *     cached=N       so many prompt tokens were cached
 *
 * In say, ~ is a new line and __ is one _. Without say, tokens or show, the answer repeats the
 * prompt. A token of the prompt is a byte (ids 0 to 255); a word of the answer counts as one
 * token. */
#ifndef TESTS_FAKE_GENERATION_H
#define TESTS_FAKE_GENERATION_H
#include "engine/generation.h"

enum { FAKE_VOCAB = 300, FAKE_BOS = 256, FAKE_EOS = 257 };

struct native *fake_open(int context); /* a model with that window; native_close frees */

/* Of all answers so far. */
struct fake_counts {
    int opened, finished, cancelled, open_now;
};
struct fake_counts fake_counts(void);
/* Called for each cancelled answer, on the thread that closed it. */
void fake_on_cancel(void (*tell)(void));

#endif
