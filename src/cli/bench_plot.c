/* bench_plot.c - draws the plot: two panels with an axis of their own each, since prefill is an
 * order of magnitude above decode.  A bar at each point: from the slowest to the fastest run. */
#include "cli/bench_plot.h"
#include <math.h>
#include <stddef.h>

enum {
    WIDTH = 760, HEIGHT = 380,
    PANEL_WIDTH = 280, PANEL_HEIGHT = 240, PANEL_TOP = 70,
    PREFILL_LEFT = 75, DECODE_LEFT = 450,
    TICKS = 5,
};

struct panel {
    struct str *out;
    const char *name, *class;
    int left;
    size_t offset;          /* of the struct spread in a point */
    double depth_max, top;  /* of the axes */
};

static const char style[] =
    "<style>"
    "svg{font-family:system-ui,sans-serif;background:#fff}"
    "text{fill:#333;font-size:12px}.title{font-size:15px;font-weight:600}"
    ".axis{stroke:#888}.grid{stroke:#e4e4e4}"
    ".prefill{stroke:#0b63c4}.decode{stroke:#b8480a}"
    ".line{fill:none;stroke-width:2}.dot{stroke-width:5;stroke-linecap:round}.bar{stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){svg{background:#161616}text{fill:#ddd}.axis{stroke:#777}"
    ".grid{stroke:#303030}.prefill{stroke:#6cb2ff}.decode{stroke:#ff9c5c}}"
    "</style>\n";

static void add_escaped(struct str *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '<' || *text == '>' || *text == '&')
            str_addf(out, "&#%d;", *text);
        else if ((unsigned char)*text >= ' ' || *text == '\t')
            str_add_char(out, *text);
    }
}

static const struct spread *value_of(const struct panel *p, const struct bench_plot_point *point) {
    return (const struct spread *)((const char *)point + p->offset);
}

/* The next 1, 2, 2.5 or 5 times a power of ten: a top whose fifths are round. */
static double round_up(double value) {
    static const double steps[] = {1, 2, 2.5, 5, 10};
    if (!(value > 0))
        return 1;
    double power = pow(10, floor(log10(value)));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (value <= steps[i] * power)
            return steps[i] * power;
    }
    return 10 * power;
}

static double x_of(const struct panel *p, double depth) {
    return p->left + PANEL_WIDTH * depth / p->depth_max;
}

static double y_of(const struct panel *p, double value) {
    return PANEL_TOP + PANEL_HEIGHT * (1 - value / p->top);
}

static void add_axes(const struct panel *p) {
    const int bottom = PANEL_TOP + PANEL_HEIGHT;
    for (int i = 0; i <= TICKS; i++) {
        double value = p->top * i / TICKS, depth = p->depth_max * i / TICKS;
        double y = y_of(p, value), x = x_of(p, depth);
        str_addf(p->out,
                 "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                 "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>"
                 "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n",
                 p->left, p->left + PANEL_WIDTH, y, y, p->left - 8, y + 4, value, x, bottom + 18,
                 depth);
    }
    str_addf(p->out,
             "<path class=\"axis\" fill=\"none\" d=\"M%d %dV%dH%d\"/>"
             "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">depth (tokens)</text>"
             "<text text-anchor=\"middle\" transform=\"translate(%d %d) rotate(-90)\">%s "
             "(tokens/s)</text>\n",
             p->left, PANEL_TOP, bottom, p->left + PANEL_WIDTH, p->left + PANEL_WIDTH / 2,
             bottom + 38, p->left - 55, PANEL_TOP + PANEL_HEIGHT / 2, p->name);
}

static void add_panel(const struct panel *p, const struct bench_plot_point *points, int count) {
    bool begun = false;
    add_axes(p);
    for (int i = 0; i < count; i++) {
        const struct spread *s = value_of(p, &points[i]);
        double x = x_of(p, points[i].depth);
        if (s->count > 0)
            str_addf(p->out,
                     "<path class=\"bar %s\" d=\"M%.1f %.1fV%.1f\"/>"
                     "<path class=\"dot %s\" d=\"M%.1f %.1fh0\"><title>depth %.0f: %.1f (%.1f to "
                     "%.1f)</title></path>\n",
                     p->class, x, y_of(p, s->min), y_of(p, s->max), p->class, x,
                     y_of(p, s->median), points[i].depth, s->median, s->min, s->max);
    }
    for (int i = 0; i < count; i++) {
        const struct spread *s = value_of(p, &points[i]);
        if (s->count == 0)
            continue;
        if (!begun)
            str_addf(p->out, "<path class=\"line %s\" d=\"", p->class);
        str_addf(p->out, "%c%.1f %.1f", begun ? 'L' : 'M', x_of(p, points[i].depth),
                 y_of(p, s->median));
        begun = true;
    }
    if (begun)
        str_add_text(p->out, "\"/>\n");
}

static void scale(struct panel *p, const struct bench_plot_point *points, int count) {
    p->depth_max = 1;
    for (int i = 0; i < count; i++) {
        const struct spread *s = value_of(p, &points[i]);
        if (points[i].depth > p->depth_max)
            p->depth_max = points[i].depth;
        if (s->count > 0 && s->max > p->top)
            p->top = s->max;
    }
    p->top = round_up(p->top);
}

void bench_plot_svg(struct str *out, const char *title, const struct bench_plot_point *points,
                    int count) {
    struct panel panels[] = {
        {.name = "prefill", .class = "prefill", .left = PREFILL_LEFT,
         .offset = offsetof(struct bench_plot_point, prefill)},
        {.name = "decode", .class = "decode", .left = DECODE_LEFT,
         .offset = offsetof(struct bench_plot_point, decode)},
    };
    str_addf(out,
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\">\n%s"
             "<title>",
             WIDTH, HEIGHT, style);
    add_escaped(out, title);
    str_addf(out, "</title>\n<text class=\"title\" x=\"%d\" y=\"24\" text-anchor=\"middle\">",
             WIDTH / 2);
    add_escaped(out, title);
    str_add_text(out, "</text>\n");
    for (size_t i = 0; i < sizeof panels / sizeof panels[0]; i++) {
        panels[i].out = out;
        scale(&panels[i], points, count);
        str_addf(out,
                 "<path class=\"line %s\" d=\"M%d 48h24\"/><text x=\"%d\" y=\"52\">%s, median; "
                 "bar: slowest to fastest</text>\n",
                 panels[i].class, panels[i].left, panels[i].left + 30, panels[i].name);
        add_panel(&panels[i], points, count);
    }
    str_add_text(out, "</svg>\n");
}
