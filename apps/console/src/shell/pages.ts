import type { ComponentType } from 'preact';
import type { IconName } from '../icons.tsx';

export interface PageEntry {
  readonly path: string;
  readonly title: string;
  readonly icon: IconName;
  /** After `g`. */
  readonly key: string;
  /** Loaded when first opened. `rest` is what follows in the address: `['payments', '17']`. */
  load(): Promise<ComponentType<PageProps>>;
}

export interface PageProps {
  readonly rest: readonly string[];
}

export interface PageGroup {
  readonly title: string;
  readonly pages: readonly PageEntry[];
}

export const pageGroups: readonly PageGroup[] = [
  {
    title: 'Now',
    pages: [
      {
        path: '/',
        title: 'Map',
        icon: 'map',
        key: 'm',
        load: async () => (await import('../pages/map/map-page.tsx')).MapPage,
      },
      {
        path: '/control',
        title: 'Control',
        icon: 'control',
        key: 'c',
        load: async () => (await import('../pages/control/control-page.tsx')).ControlPage,
      },
    ],
  },
  {
    title: 'Telemetry',
    pages: [
      {
        path: '/traces',
        title: 'Traces',
        icon: 'traces',
        key: 't',
        load: async () => (await import('../pages/traces/traces-page.tsx')).TracesPage,
      },
      {
        path: '/logs',
        title: 'Logs',
        icon: 'logs',
        key: 'l',
        load: async () => (await import('../pages/logs/logs-page.tsx')).LogsPage,
      },
      {
        path: '/errors',
        title: 'Errors',
        icon: 'errors',
        key: 'e',
        load: async () => (await import('../pages/errors/errors-page.tsx')).ErrorsPage,
      },
      {
        path: '/metrics',
        title: 'Metrics',
        icon: 'metrics',
        key: 'x',
        load: async () => (await import('../pages/metrics/metrics-page.tsx')).MetricsPage,
      },
      {
        path: '/depth',
        title: 'Call depth',
        icon: 'traces',
        key: 'd',
        load: async () => (await import('../pages/depth/depth-page.tsx')).DepthPage,
      },
      {
        path: '/objectives',
        title: 'Objectives',
        icon: 'objectives',
        key: 'b',
        load: async () => (await import('../pages/objectives/objectives-page.tsx')).ObjectivesPage,
      },
    ],
  },
  {
    title: 'Work',
    pages: [
      {
        path: '/messages',
        title: 'Messages',
        icon: 'messages',
        key: 'q',
        load: async () => (await import('../pages/messages/messages-page.tsx')).MessagesPage,
      },
      {
        path: '/sagas',
        title: 'Sagas',
        icon: 'sagas',
        key: 's',
        load: async () => (await import('../pages/sagas/sagas-page.tsx')).SagasPage,
      },
      {
        path: '/streams',
        title: 'Event streams',
        icon: 'streams',
        key: 'v',
        load: async () => (await import('../pages/streams/streams-page.tsx')).StreamsPage,
      },
    ],
  },
  {
    title: 'System',
    pages: [
      {
        path: '/contracts',
        title: 'Contracts',
        icon: 'contracts',
        key: 'o',
        load: async () => (await import('../pages/contracts/contracts-page.tsx')).ContractsPage,
      },
      {
        path: '/configuration',
        title: 'Configuration',
        icon: 'configuration',
        key: 'f',
        load: async () => (await import('../pages/records/configuration-page.tsx')).ConfigurationPage,
      },
      {
        path: '/audit',
        title: 'Audit',
        icon: 'audit',
        key: 'a',
        load: async () => (await import('../pages/records/audit-page.tsx')).AuditPage,
      },
    ],
  },
];

export const pages: readonly PageEntry[] = pageGroups.flatMap((group) => group.pages);

/** The page of an address, and what follows in it. */
export function pageAt(
  path: string,
): { readonly page: PageEntry; readonly rest: readonly string[] } | undefined {
  const [first = '', ...rest] = path.split('/').slice(1);
  const page = pages.find((each) => each.path === `/${first}`);
  return page === undefined ? undefined : { page, rest: rest.filter((part) => part !== '') };
}
