/** Tasks per call where a benchmark only needs them to be there. */
export const submitBatchSize = 5_000;
