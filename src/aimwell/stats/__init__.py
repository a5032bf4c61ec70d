"""Pure statistics: no files, no clock, no hidden randomness.

Every function takes numbers and gives numbers back; where chance is needed the caller passes a `seed`. A figure
that is undefined comes back missing with a reason, never as 0; input that makes no sense (NaN, infinity, negative
counts) raises `StatsError`.

    estimate        the shape of an answer: a figure with its interval, or the reason why there is none
    samples         n, mean and variance of an arm, from values or from sums, and how two parts merge
    arms            the people of one arm: their outcomes and what was known of them before
    two_means       the difference and the ratio of two means with Welch's and Fieller's intervals
    intervals       Wilson, Newcombe and Welch
    cuped           less noise through what was known before
    splits          random divisions of people into two arms, and the sums that each would have seen
    hypotheses      what each person would have done untreated, if a hypothesis were true
    inversion       how a randomisation test becomes an interval
    winsor          pulling in the few largest values
    randomisation   the inverted studentised randomisation test, for heavy tails and small arms
    lift            the one function that chooses the method and gives the whole answer
    always_valid    intervals that may be looked at every day
    stopping        where a process that is looked at a few times leaves its bounds
    group_sequential  a few planned looks: bounds, power, and what to report after an early stop
    bayes           what to believe, given a stated prior
    ratio_metrics   revenue per order and the like, with the person as the unit
    quantile_metrics  how far a median moved
    clusters        people assigned by shop, household or region
    reached         the effect on those whom it reached
    adjusting       a regression in each arm; strata after the fact
    meta_analysis   campaigns or segments together: what they have in common, how far they differ
    next_effect     how unlikely a next campaign is beside earlier ones, when how far they differ is hardly known
    effect_over_time  whether an effect fades, or was only pulled forward
    spillover       households and accounts in both arms
    group_sums      many metrics in many groups of millions of people
    srm             sample-ratio mismatch
    power           how many people, or how small a lift
    resampling      bootstrap intervals; stability of clusters over subsamples
    multiplicity    many p-values at once
    discrimination  how well a score tells two kinds of people apart
    association     whether two divisions go together, and whether a number differs between groups
    hypergeometric  the exact test that two marks come together too often, for many tables at once
    matched         how much likelier something is among some than among others who are alike otherwise
    effects         how far apart two groups are, in comparable units
    buckets         the md5 bucket that puts a person into an arm
"""
