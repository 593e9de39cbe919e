// Package catalogue holds every text that a person reads, in Japanese, English and Brazilian Portuguese: the words of
// the console, the titles of problems, the cause and the remedy of a failed analysis, the sentences of notifications
// and the five example prompts.
//
// Everything else in the product speaks in codes and parameters, so that one event can be told to each reader in the
// reader's own language, and so that a better wording never needs a change of stored data. Both the server and the
// browser read the same three files, texts/<locale>.json: flat objects of stable keys, with {placeholders} for
// parameters. Japanese is the language of the product's own manual; its wording of buttons, questions and errors is
// kept to the character.
//
// Keys of problems are problem.<CODE>.title and .detail, beside them problem.<CODE>.<reason>.title and .detail for a problem
// whose parameter "reason" says so, and .detail.by for one that names who it was. Details take these parameters and are left out without them:
// FIELD_TOO_LONG and LIMIT_REACHED {max}, KEY_IN_USE {prompts}. Keys of failed analyses are
// analysis.error.<CODE>.title, .cause and .remedy, and .title.azure_openai where the title names the provider. A refused key
// has problem.KEY_REFUSED.<reason>.title and .detail; the form of a key has key.help.<kind>, key.help.<kind>.<field> and,
// for what is the same of every kind, key.help.<field>.
package catalogue
