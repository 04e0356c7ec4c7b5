import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { formatMs, formatRate, formatShare, px } from '../../format.ts';
import { Icon } from '../../icons.tsx';
import { href, navigate, query } from '../../router.ts';
import { layOut, linkName, type MapLayout, middleOf, toPath } from './layout.ts';
import { flowOf, type MapLink, type MapNode, type MapPicture } from './picture.ts';

interface CanvasProps {
  readonly picture: MapPicture;
  readonly chosen: string;
  /** Dims what does not have this in its name. */
  readonly find: string;
}

const paddingPx = 28;
const zooms = { least: 0.2, most: 1.6, step: 1.25 } as const;

/** The picture of the map. Only another service or link moves anything; numbers change in place. */
export function Canvas({ picture, chosen, find }: CanvasProps): JSX.Element {
  const frame = useRef<HTMLElement>(null);
  const [zoom, setZoom] = useState<number>();
  const [width, setWidth] = useState(0);
  const shape = JSON.stringify([
    picture.nodes.map(({ name }) => name),
    picture.links.map(({ from, to }) => [from, to]).toSorted(),
  ]);
  const direction = width < 620 ? 'down' : 'across';
  // The shape stands for the picture, whose numbers change each second.
  const layout = useMemo(
    () => layOut(width === 0 ? [] : picture.nodes.map(({ name }) => name), picture.links, direction),
    [shape, direction, width === 0],
  );
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, []);
  const fitting =
    width === 0 || layout.width === 0 ? 1 : Math.min(1, Math.max(0.75, (width - paddingPx) / layout.width));
  const scale = zoom ?? fitting;
  const zoomBy = (factor: number) => setZoom(Math.min(zooms.most, Math.max(zooms.least, scale * factor)));
  useWheelZoom(frame, zoomBy);
  useScrollTo(frame, { name: chosen, layout, scale });
  const near = new Set(
    picture.links
      .filter(({ from, to }) => from === chosen || to === chosen)
      .flatMap(({ from, to }) => [from, to]),
  );
  return (
    <div class="map">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard. */}
      <section ref={frame} class="map-frame" aria-label="Picture of the services" tabIndex={0}>
        <div class="map-size" style={{ width: px(layout.width * scale), height: px(layout.height * scale) }}>
          <div
            class={`map-paper ${chosen === '' ? '' : 'has-chosen'}`}
            style={{ width: px(layout.width), height: px(layout.height), transform: `scale(${scale})` }}
          >
            <Links layout={layout} links={picture.links} chosen={chosen} />
            {picture.nodes
              .filter(({ name }) => layout.nodes.has(name))
              .map((node) => (
                <Node
                  key={node.name}
                  node={node}
                  layout={layout}
                  isChosen={node.name === chosen}
                  isDim={
                    !node.name.includes(find) ||
                    (chosen !== '' && node.name !== chosen && !near.has(node.name))
                  }
                />
              ))}
          </div>
        </div>
      </section>
      <footer class="map-foot">
        <Legend />
        <div class="buttons">
          <button type="button" class="button" aria-label="Larger" onClick={() => zoomBy(zooms.step)}>
            +
          </button>
          <button type="button" class="button" aria-label="Smaller" onClick={() => zoomBy(1 / zooms.step)}>
            −
          </button>
          <button type="button" class="button" onClick={() => setZoom(undefined)}>
            Fit
          </button>
        </div>
      </footer>
    </div>
  );
}

function useWheelZoom(
  frame: { readonly current: HTMLElement | null },
  zoomBy: (factor: number) => void,
): void {
  const latest = useRef(zoomBy);
  latest.current = zoomBy;
  useEffect(() => {
    const element = frame.current;
    const turn = (wheel: WheelEvent) => {
      if (!wheel.ctrlKey && !wheel.metaKey) return;
      wheel.preventDefault();
      latest.current(wheel.deltaY < 0 ? 1.1 : 1 / 1.1);
    };
    element?.addEventListener('wheel', turn, { passive: false });
    return () => element?.removeEventListener('wheel', turn);
  }, [frame]);
}

interface Target {
  readonly name: string;
  readonly layout: MapLayout;
  readonly scale: number;
}

/** Brings a service that was chosen elsewhere into view. */
function useScrollTo(frame: { readonly current: HTMLElement | null }, { name, layout, scale }: Target): void {
  // Not by scale: zooming must not scroll back to it.
  useEffect(() => {
    const [place, element] = [layout.nodes.get(name), frame.current];
    if (place === undefined || element === null) return;
    const [left, top] = [place.x * scale, place.y * scale];
    const isSeen =
      left >= element.scrollLeft &&
      left < element.scrollLeft + element.clientWidth - 120 &&
      top >= element.scrollTop &&
      top < element.scrollTop + element.clientHeight - 40;
    if (!isSeen)
      element.scrollTo({ left: left - element.clientWidth / 2, top: top - element.clientHeight / 2 });
  }, [name, layout]);
}

interface NodeProps {
  readonly node: MapNode;
  readonly layout: MapLayout;
  readonly isChosen: boolean;
  readonly isDim: boolean;
}

function Node({ node, layout, isChosen, isDim }: NodeProps): JSX.Element {
  const { name, service, traffic, standing } = node;
  const { x, y } = layout.nodes.get(name) ?? { x: 0, y: 0 };
  const isErring = traffic !== undefined && traffic.errorRate > 0;
  return (
    <a
      data-row
      class={`map-node is-${standing.tone} ${isDim ? 'is-dim' : ''} ${service === undefined ? 'is-outside' : ''}`}
      style={{ left: px(x), top: px(y) }}
      href={href('/', {
        service: isChosen ? undefined : name,
        view: query('view'),
        find: query('find'),
      })}
      aria-current={isChosen ? 'true' : undefined}
    >
      <span class="map-name">
        <Icon name={iconOf(node)} size={14} />
        <strong>
          {name}
          <span class="only-spoken">: {standing.word},</span>
        </strong>
      </span>
      <span class="map-numbers">
        {saysMore(standing) && <b>{standing.word}</b>}
        <span>{formatRate(traffic?.perSecond ?? 0)}</span>
        {traffic?.p99Ms !== undefined && <span>{formatMs(traffic.p99Ms)}</span>}
        {isErring && (
          <b>
            {formatShare(traffic.errorRate)}
            <span class="only-spoken"> errors</span>
          </b>
        )}
        {/* There is no room for both, unless two versions are told apart. */}
        {(!isErring || traffic.versions !== undefined) && (
          <span class="map-version">{versionText(node)}</span>
        )}
      </span>
    </a>
  );
}

/** During a roll-out two versions answer side by side. */
function versionText({ service, traffic, kind }: MapNode): string {
  if (traffic?.versions !== undefined) return traffic.versions.map(({ version }) => version).join(' + ');
  const instances = service?.instances.length ?? 0;
  return instances > 1 ? `×${instances}` : (service?.version ?? (kind === 'service' ? '' : kind));
}

/** What the numbers do not say by themselves. */
function saysMore({ tone, word }: MapNode['standing']): boolean {
  return tone !== 'good' && tone !== 'plain' && word !== 'errors';
}

function iconOf({ standing }: MapNode) {
  if (standing.word === 'paused') return 'pause' as const;
  if (standing.word === 'stopped') return 'stop' as const;
  return ({ good: 'good', warn: 'warn', bad: 'bad', note: 'wait', plain: 'dot' } as const)[standing.tone];
}

interface LinksProps {
  readonly layout: MapLayout;
  readonly links: readonly MapLink[];
  readonly chosen: string;
}

function Links({ layout, links, chosen }: LinksProps): JSX.Element {
  return (
    <svg class="map-links" width={layout.width} height={layout.height} aria-hidden="true">
      <defs>
        <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
          <path d="M0 .5 7.5 4 0 7.5z" fill="context-stroke" />
        </marker>
      </defs>
      {links.map((link) => {
        const points = layout.links.get(linkName(link));
        if (points === undefined) return null;
        const isNear = link.from === chosen || link.to === chosen;
        return (
          <LinkLine
            key={linkName(link)}
            link={link}
            path={toPath(points)}
            at={middleOf(points)}
            isNear={isNear}
          />
        );
      })}
    </svg>
  );
}

interface LinkLineProps {
  readonly link: MapLink;
  readonly path: string;
  readonly at: { readonly x: number; readonly y: number };
  readonly isNear: boolean;
}

function LinkLine({ link, path, at, isNear }: LinkLineProps): JSX.Element {
  const { perSecond } = flowOf(link);
  const state = link.breaker !== undefined || link.isErring ? 'is-bad' : perSecond > 0 ? 'is-busy' : '';
  const width = perSecond === 0 ? 1.2 : Math.min(4, 1.5 + Math.log10(1 + perSecond));
  return (
    <g class={`map-link is-${link.kind} ${state} ${isNear ? 'is-near' : ''}`}>
      <path d={path} stroke-width={width} marker-end="url(#arrow)" />
      {isNear && perSecond > 0 && link.breaker === undefined && (
        <text x={at.x} y={at.y - 6}>
          {formatRate(perSecond)}
          {link.call?.p99Ms === undefined ? '' : ` · ${formatMs(link.call.p99Ms)}`}
        </text>
      )}
      {link.breaker !== undefined && (
        <text x={at.x} y={at.y - 6} class="is-breaker">
          {link.breaker === 'open' ? '⊘ circuit open' : '◐ circuit half open'}
        </text>
      )}
    </g>
  );
}

function Legend(): JSX.Element {
  const line = (kind: string, word: string) => (
    <span>
      <svg width="26" height="8" aria-hidden="true" class="map-links">
        <g class={`map-link is-busy is-${kind}`}>
          <path d="M1 4h24" stroke-width="1.8" />
        </g>
      </svg>
      {word}
    </span>
  );
  return (
    <p class="map-legend soft small">
      {line('call', 'calls')}
      {line('event', 'events')}
      <span>pale: nothing flows now</span>
    </p>
  );
}

/** Leaves the chosen service. */
export function leaveService(): void {
  navigate(href('/', { view: query('view'), find: query('find') }));
}
