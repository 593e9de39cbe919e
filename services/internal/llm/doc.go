// Package llm asks language models over the one protocol that OpenAI, Azure OpenAI and compatible servers share: chat
// completions.
//
// The client library underneath retries by itself, reads the environment, loses the status of answers it cannot parse
// and takes several kinds of broken answer for success. Here it does none of that: one request is one request, what
// came back is judged from the bytes that came, and an error always says what is known: the status, the provider's
// words without any part of the key, and whether the request may have been processed, and so paid.
package llm
