import type { ComponentChildren, JSX } from 'preact';
import { useEffect } from 'preact/hooks';

export function PageHead(props: {
  readonly title: string;
  /** One sentence beside the title. */
  readonly about?: ComponentChildren;
  readonly children?: ComponentChildren;
}): JSX.Element {
  const { title, about, children } = props;
  useEffect(() => {
    document.title = `${title} · Banyan console`;
  }, [title]);
  return (
    <header class="page-head">
      <h1>{title}</h1>
      {about !== undefined && <p>{about}</p>}
      {children !== undefined && <div class="buttons actions">{children}</div>}
    </header>
  );
}
