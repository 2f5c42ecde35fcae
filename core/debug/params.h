/*
 * params.h - walking a command line, apart from what its words do.
 */
#ifndef PARAMS_H
#define PARAMS_H

#include "exo/lib/types.h"

struct params_visitor {
    void (*param)(const char *key, char *value); /* key=value; value is "" without '=' */
    void (*argument)(char *word);                /* a word behind " -- ", still encoded */
};

/* Cut `line` into words in place and visit each, in order. */
void params_walk(char *line, const struct params_visitor *visitor);

/* True if "-- " and something behind it stand on the line. */
bool params_name_program(const char *line);

#endif /* PARAMS_H */
