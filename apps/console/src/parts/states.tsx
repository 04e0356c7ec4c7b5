import type { ComponentChildren, JSX } from 'preact';
import type { Resource } from '../data/resource.ts';

/** There is nothing, and what to do about it. */
export function Empty(props: { readonly title: string; readonly children?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <strong>{props.title}</strong>
      {props.children}
    </div>
  );
}

export function ProblemNote(props: { readonly error: Error; readonly retry?: () => void }): JSX.Element {
  const { error, retry } = props;
  return (
    <div class="problem" role="alert">
      <strong>That did not work.</strong> {error.message}{' '}
      {retry !== undefined && (
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** What the API says of an operation that this console was started without. */
export const notOffered = 'not_offered';

interface HasLeftOut {
  readonly leftOut: readonly { readonly service: string; readonly reason: string }[];
}

function hasLeftOut(value: unknown): value is HasLeftOut {
  return typeof value === 'object' && value !== null && 'leftOut' in value;
}

/** A list over all services may be without some of them. */
function LeftOutNote({ of }: { readonly of: HasLeftOut['leftOut'] }): JSX.Element | null {
  if (of.length === 0) return null;
  const named = of.map(({ service, reason }) => `${service} (${reason.replaceAll('_', ' ')})`).join(', ');
  return (
    <p class="problem" role="status">
      <strong>{of.length === 1 ? '1 service' : `${of.length} services`} could not be asked:</strong> {named}.
    </p>
  );
}

/** Shows the value as soon as there is one; a failed renewal is told above what is known. */
export function Loaded<Value>(props: {
  readonly of: Resource<Value>;
  readonly children: (value: Value) => ComponentChildren;
}): JSX.Element {
  const { value, problem, reload } = props.of;
  if (problem?.reason === notOffered)
    return <Empty title="This console does not know it.">It runs without the part that could tell.</Empty>;
  return (
    <>
      {problem !== undefined && <ProblemNote error={problem} retry={reload} />}
      {hasLeftOut(value) && <LeftOutNote of={value.leftOut} />}
      {value !== undefined && props.children(value)}
      {value === undefined && problem === undefined && <p class="wait">Loading …</p>}
    </>
  );
}
