import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { isBinary, type MediaTypes, type Operation, toJsonSchema } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { parseJson, readBody, unsupportedMediaType } from '@banyan/rpc';
import type { GatewayLimits } from '../limits.ts';
import { bodyFormats, type Format, typesOf } from './format.ts';
import { negotiate, problemTypes } from './negotiate.ts';
import { createProblemFormats, type ProblemFormats } from './problem-formats.ts';
import { readXml } from './read-xml.ts';
import { anyShape, createShape, type Shape } from './shape.ts';
import { writeText } from './write-text.ts';
import { writeXml } from './write-xml.ts';
import { isXmlName } from './xml-text.ts';

/** An answer in the format that a client asked for. */
export interface Representation {
  readonly contentType: string;
  /** Turns the JSON of the service into it. */
  write(json: string): string;
  /** The validator of this form of an answer whose JSON has that one: strong, so each form needs its own (RFC 9110, 8.8.3). */
  etag(ofJson: string): string;
}

/** The formats of one operation, in both directions. */
export interface RouteFormats extends ProblemFormats {
  /** Media types that a body may have. */
  readonly bodyTypes: readonly string[];
  /** @throws ServiceError `not_acceptable`, before anything is read or called */
  choose(accept: string | undefined): Representation;
  /**
   * The body as the JSON value that it stands for; undefined if there is none.
   * @throws ServiceError `invalid_argument` `unsupported_media_type` 415, `malformed_json`, `malformed_xml`, `nested_too_deeply`, `body_too_large`
   */
  readBody(
    request: IncomingMessage,
    limits: Pick<GatewayLimits, 'maxJsonBytes' | 'maxXmlBytes'>,
  ): Promise<unknown>;
}

/** Undefined for an operation whose answers are bytes, or which negotiates for itself. */
export function createRouteFormats(
  operation: Operation,
  offered: readonly Format[] | undefined,
): RouteFormats | undefined {
  return offered === undefined || !isNegotiated(operation)
    ? undefined
    : new OperationFormats(operation, offered);
}

/** The same for documents. */
export function mediaTypesOf(
  operation: Operation,
  offered: readonly Format[] | undefined,
): MediaTypes | undefined {
  if (offered === undefined || !isNegotiated(operation)) return undefined;
  const problems = offered.includes('xml') ? [problemTypes.json, problemTypes.xml] : [problemTypes.json];
  return { answers: answerTypes(offered), bodies: bodyTypes(offered), problems };
}

function isNegotiated({ output, headers }: Operation): boolean {
  return !isBinary(output) && !Object.values(headers).includes('accept');
}

function answerTypes(offered: readonly Format[]): readonly string[] {
  return offered.map((format) => typesOf[format][0]);
}

/** JSON is always taken. */
function bodyTypes(offered: readonly Format[]): readonly string[] {
  return bodyFormats
    .filter((format) => format === 'json' || offered.includes(format))
    .map((format) => typesOf[format][0]);
}

class OperationFormats implements RouteFormats {
  readonly #offered: readonly Format[];
  readonly #writers: Readonly<Record<Format, (json: string) => string>>;
  readonly #input: Shape;
  readonly problem: ProblemFormats['problem'];
  readonly vary = 'accept';
  readonly bodyTypes: readonly string[];

  constructor(operation: Operation, offered: readonly Format[]) {
    this.#offered = offered;
    this.bodyTypes = bodyTypes(offered);
    this.problem = createProblemFormats(offered).problem;
    this.#input = createShape(toJsonSchema(operation.input, 'input'));
    const schema = isBinary(operation.output) ? undefined : toJsonSchema(operation.output, 'output');
    const { title } = schema ?? {};
    const form = {
      shape: schema === undefined ? anyShape : createShape(schema),
      root: typeof title === 'string' && isXmlName(title) ? title : 'answer',
    };
    this.#writers = { json: (json) => json, xml: (json) => writeXml(json, form), text: writeText };
  }

  choose(accept: string | undefined): Representation {
    const choice = negotiate(accept, this.#offered);
    if (choice === undefined) throw notAcceptable(answerTypes(this.#offered));
    const { format, mediaType } = choice;
    return {
      contentType: format === 'text' ? `${mediaType}; charset=utf-8` : mediaType,
      write: this.#writers[format],
      etag: (ofJson) => (format === 'json' ? ofJson : `${ofJson.slice(0, -1)}-${format}"`),
    };
  }

  async readBody(
    request: IncomingMessage,
    { maxJsonBytes, maxXmlBytes }: Pick<GatewayLimits, 'maxJsonBytes' | 'maxXmlBytes'>,
  ): Promise<unknown> {
    const { headers } = request;
    const format = bodyFormatOf(headers['content-type'], this.#offered);
    const bytes = await readBody(request, {
      maxBytes: format === 'xml' ? maxXmlBytes : maxJsonBytes,
      check: () => {
        if (format === undefined || headers['content-encoding'] !== undefined)
          throw unsupportedMediaType(this.bodyTypes.join(' or '));
      },
    });
    if (bytes === undefined) return undefined;
    if (format === 'json') return parseJson(bytes);
    if (!isUtf8(bytes)) throw notUtf8();
    return readXml(bytes.toString('utf8'), this.#input);
  }
}

/** Undefined if it is none that is taken. The only parameter is `charset`, the only charset UTF-8. */
function bodyFormatOf(contentType: string | undefined, offered: readonly Format[]): Format | undefined {
  const [, type] = /^([^;\s]+)\s*(?:;\s*charset="?utf-8"?\s*)?;?$/i.exec((contentType ?? '').trim()) ?? [];
  return bodyFormats.find(
    (format) =>
      (format === 'json' || offered.includes(format)) &&
      typesOf[format].some((name) => name === type?.toLowerCase()),
  );
}

function notAcceptable(available: readonly string[]): ServiceError {
  return new ServiceError(`There is ${available.join(', ')}; the request takes none of it.`, {
    code: 'invalid_argument',
    reason: 'not_acceptable',
    status: 406,
    details: { available },
  });
}

function notUtf8(): ServiceError {
  return new ServiceError('The body is not XML in UTF-8.', {
    code: 'invalid_argument',
    reason: 'malformed_xml',
  });
}
