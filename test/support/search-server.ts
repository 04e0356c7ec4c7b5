/** The server that tests of search share, from `BANYAN_TEST_SEARCH_URL`: OpenSearch, or Elasticsearch. */
export const searchUrl = process.env['BANYAN_TEST_SEARCH_URL'];

/** Why those tests cannot run here; false if they can. */
export const noSearchServer =
  searchUrl === undefined &&
  'needs BANYAN_TEST_SEARCH_URL, as node tools/bootstrap.mjs test/support/opensearch/start-opensearch.ts prints it';
