import type { ComponentChildren, JSX } from 'preact';

export interface Column<Row> {
  readonly title: string;
  readonly isNumber?: boolean;
  /** Left out on a telephone. */
  readonly isWideOnly?: boolean;
  cell(row: Row): ComponentChildren;
}

/** A table whose rows may be walked with j and k: the first link or button of a row carries `data-row`. */
export function Table<Row>(props: {
  /** For those who do not see it. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  keyOf(row: Row): string;
  isChosen?(row: Row): boolean;
}): JSX.Element {
  const { caption, columns, rows, keyOf, isChosen } = props;
  const classOf = ({ isNumber = false, isWideOnly = false }: Column<Row>) =>
    `${isNumber ? 'number' : ''} ${isWideOnly ? 'is-wide-only' : ''}`.trim();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard.
    <section class="table-frame" aria-label={caption} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" class={classOf(column)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} class={isChosen?.(row) === true ? 'is-chosen' : ''}>
              {columns.map((column) => (
                <td key={column.title} class={classOf(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
