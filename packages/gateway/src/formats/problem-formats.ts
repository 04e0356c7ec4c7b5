import type { Problem } from '@banyan/core';
import type { Format } from './format.ts';
import { negotiateProblem, problemTypes } from './negotiate.ts';
import { createShape } from './shape.ts';
import { writeXml } from './write-xml.ts';

/** How refusals look where answers have several formats. */
export interface ProblemFormats {
  /** The request field that decides. */
  readonly vary: string;
  problem(
    accept: string | undefined,
    problem: Problem,
  ): { readonly contentType: string; readonly body: string };
}

export function createProblemFormats(offered: readonly Format[]): ProblemFormats {
  const hasXml = offered.includes('xml');
  return {
    vary: 'accept',
    problem(accept, problem) {
      const format = hasXml ? negotiateProblem(accept) : 'json';
      const json = JSON.stringify(problem);
      return { contentType: problemTypes[format], body: format === 'xml' ? writeXml(json, form) : json };
    },
  };
}

/** RFC 9457, appendix B: its namespace, and `i` for what an array has. */
const form = {
  root: 'problem',
  namespace: 'urn:ietf:rfc:7807',
  item: 'i',
  shape: createShape({
    type: 'object',
    properties: {
      status: { type: 'integer' },
      declared: { type: 'boolean' },
      retryAfterMs: { type: 'number' },
      notStarted: { type: 'boolean' },
    },
    additionalProperties: {},
  }),
};
