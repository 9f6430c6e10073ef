package providers

import "time"

// openAIRules are the refusals of OpenAI and of those who copy them.
func openAIRules() []Rule {
	return []Rule{
		{Status: 503, Message: "slow down", Kind: BurstRamp, Wait: rampWait},
		{Status: 429, Message: "resource unavailable", Kind: Overloaded},
		{Status: 429, Message: "request too large", Kind: TooLarge},
		{Status: 429, Code: "insufficientquota", Kind: QuotaExhausted, IgnoreWait: true},
		{Status: 429, Message: "exceeded your current quota", Kind: QuotaExhausted, IgnoreWait: true},
		{Code: "unsupportedcountryregionterritory", Kind: Forbidden},
	}
}

// rampWait is the pause after traffic that grew too fast, when none is named.
const rampWait = 5 * time.Second

func azureRules() []Rule {
	return []Rule{
		{Status: 429, Message: "token rate limit", Kind: RateTokens},
		{Status: 429, Message: "call rate limit", Kind: RateRequests},
		{Status: 429, Message: "high demand", Kind: Overloaded},
		{Status: 404, Code: "deploymentnotfound", Kind: NotFound},
	}
}

// dashScopeRules read the same code as a throttle that other providers mean as final:
// insufficient_quota is DashScope's limit on tokens per minute.
func dashScopeRules() []Rule {
	return []Rule{
		{Message: "free allocated quota exceeded", Kind: QuotaExhausted, IgnoreWait: true},
		{Code: "allocationquotafreetieronly", Kind: QuotaExhausted},
		{Code: "throttlingburstrate", Kind: BurstRamp, Wait: rampWait},
		{Code: "limitburstrate", Kind: BurstRamp, Wait: rampWait},
		{Message: "request rate increased too quickly", Kind: BurstRamp, Wait: rampWait},
		{Code: "throttlingratequota", Kind: RateRequests},
		{Code: "limitrequests", Kind: RateRequests},
		{Code: "throttlingallocationquota", Kind: RateTokens},
		{Code: "insufficientquota", Kind: RateTokens},
		{Code: "commoditynotpurchased", Kind: QuotaExhausted},
		{Code: "prepaidbilloverdue", Kind: QuotaExhausted},
		{Code: "postpaidbilloverdue", Kind: QuotaExhausted},
		{Code: "budgetlimitexceeded", Kind: QuotaExhausted},
		{Code: "arrearage", Kind: QuotaExhausted},
		{Code: "throttling", Kind: RateUnknown},
		{Code: "modelservingerror", Kind: Overloaded},
		{Code: "modelunavailable", Kind: Overloaded},
		{Code: "datainspectionfailed", Kind: ContentFilter},
		{Code: "requesttimeout", Kind: Timeout},
		{Code: "internalerrortimeout", Kind: Timeout},
		{Code: "internalerroralgo", Kind: ServerError},
		{Status: 429, Message: "requests rate limit", Kind: RateRequests},
		{Status: 429, Kind: RateUnknown},
	}
}

func openRouterRules() []Rule {
	return []Rule{
		{Code: "weightexceedsbudget", Kind: TooLarge},
		{Status: 402, Code: "openrouterinflightbudget", Kind: RateUnknown},
		{Status: 402, Code: "inflightbudgetexhausted", Kind: RateUnknown},
		{Code: "openroutercredits", Kind: QuotaExhausted},
		{Code: "openrouterkeylimit", Kind: QuotaExhausted},
		{Status: 429, Message: "per-day", Kind: Daily},
		{Status: 429, Message: "per-min", Kind: RateRequests},
		{Status: 429, Message: "rate-limited upstream", Kind: Overloaded},
		{Status: 403, Message: "flagged", Kind: ContentFilter},
		{Status: 403, Message: "moderation", Kind: ContentFilter},
		{Status: 502, Kind: Overloaded},
	}
}

func anthropicRules() []Rule {
	return []Rule{
		{Code: "enforcedspendlimitreached", Kind: QuotaExhausted},
		{Message: "api usage limits", Kind: QuotaExhausted},
		{Message: "regain access", Kind: QuotaExhausted},
		{Code: "billingerror", Kind: QuotaExhausted},
		{Message: "credit balance is too low", Kind: QuotaExhausted},
		{Code: "overloadederror", Kind: Overloaded},
		{Status: 529, Kind: Overloaded},
		{Code: "timeouterror", Kind: Timeout},
		{Status: 429, Message: "acceleration", Kind: BurstRamp, Wait: rampWait},
		{Code: "ratelimiterror", Message: "tokens per", Kind: RateTokens},
		{Code: "ratelimiterror", Message: "requests per", Kind: RateRequests},
		{Code: "ratelimiterror", Kind: RateUnknown},
		{Code: "authenticationerror", Kind: InvalidKey},
		{Code: "permissionerror", Kind: Forbidden},
		{Code: "apierror", Kind: ServerError},
	}
}

// geminiRules go by the quota's name: the message asks to check plan and billing for
// a minute's limit too, and the wait it names means nothing for a day's.
func geminiRules() []Rule {
	return []Rule{
		{Message: "api key not valid", Kind: InvalidKey},
		{Message: "api key expired", Kind: InvalidKey},
		{Code: "apikeyinvalid", Kind: InvalidKey},
		{Status: 429, Message: "perday", Kind: Daily, IgnoreWait: true},
		{Status: 429, Message: "tokensperminute", Kind: RateTokens},
		{Status: 429, Message: "tokenspermodelperminute", Kind: RateTokens},
		{Status: 429, Message: "input_token", Kind: RateTokens},
		{Status: 429, Message: "requestsperminute", Kind: RateRequests},
		{Status: 429, Message: "perminute", Kind: RateUnknown},
		{Status: 429, Message: "resource has been exhausted", Kind: Overloaded},
		{Status: 429, Message: "resource exhausted", Kind: Overloaded},
		{Status: 429, Kind: RateUnknown},
		{Status: 400, Message: "user location is not supported", Kind: Forbidden},
		{Status: 400, Code: "failedprecondition", Kind: QuotaExhausted},
		{Code: "unavailable", Kind: Overloaded},
		{Code: "deadlineexceeded", Kind: Timeout},
	}
}

// commonRules hold everywhere, after a preset's own.
func commonRules() []Rule {
	return []Rule{
		{Code: "contextlengthexceeded", Kind: ContextLength},
		{Message: "maximum context length", Kind: ContextLength},
		{Message: "context length exceeded", Kind: ContextLength},
		{Message: "context window", Kind: ContextLength},
		{Message: "range of input length should be", Kind: ContextLength},
		{Message: "prompt is too long", Kind: ContextLength},
		{Message: "input token count exceeds the maximum", Kind: ContextLength},
		{Message: "input token count (", Kind: ContextLength},
		{Code: "contentfilter", Kind: ContentFilter},
		{Code: "contentpolicyviolation", Kind: ContentFilter},
		{Code: "responsibleaipolicyviolation", Kind: ContentFilter},
		{Message: "content management policy", Kind: ContentFilter},
		{Code: "invalidapikey", Kind: InvalidKey},
		{Message: "incorrect api key", Kind: InvalidKey},
		{Message: "invalid api key", Kind: InvalidKey},
		{Code: "modelnotfound", Kind: NotFound},
		{Status: 429, Message: "request too large", Kind: TooLarge},
		{Status: 429, Message: "per day", Kind: Daily},
		{Status: 429, Message: "(rpd)", Kind: Daily},
		{Status: 429, Message: "(tpd)", Kind: Daily},
		{Status: 429, Message: "(rpm)", Kind: RateRequests},
		{Status: 429, Message: "(tpm)", Kind: RateTokens},
		{Status: 429, Code: "insufficientquota", Kind: QuotaExhausted},
		{Status: 429, Message: "credit", Kind: QuotaExhausted},
		{Status: 429, Message: "spend limit", Kind: QuotaExhausted},
		{Status: 429, Message: "spending limit", Kind: QuotaExhausted},
		{Status: 429, Message: "usage limit", Kind: QuotaExhausted},
		{Status: 429, Message: "billing", Kind: QuotaExhausted},
		{Status: 429, Code: "requests", Kind: RateRequests},
		{Status: 429, Code: "tokens", Kind: RateTokens},
		{Status: 429, Message: "tokens per min", Kind: RateTokens},
		{Status: 429, Message: "requests per min", Kind: RateRequests},
		{Status: 429, Message: "overloaded", Kind: Overloaded},
		{Status: 429, Kind: RateUnknown},
		{Code: "ratelimitexceeded", Kind: RateUnknown},
		{Code: "insufficientquota", Kind: QuotaExhausted},
		{Code: "overloaded", Kind: Overloaded},
		{Message: "overloaded", Kind: Overloaded},
		{Code: "insufficientsystemresource", Kind: Overloaded},
	}
}
