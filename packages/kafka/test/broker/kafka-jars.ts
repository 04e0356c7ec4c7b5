import { fetchJars, type MavenJars, whatJarsNeed } from '@banyan/test-support/maven-jars';

/** 43 MB. */
const jars: MavenJars = {
  name: 'the Kafka broker',
  pom: new URL('./pom.xml', import.meta.url),
  cache: '.kafka',
};

/** Why no broker can be started on this machine, in words a test may skip itself with; undefined if one can be. */
export const whatKafkaNeeds = (): Promise<string | undefined> => whatJarsNeed(jars);

/** The folder with the broker's jars. */
export const fetchKafkaJars = (): Promise<string> => fetchJars(jars);
