package dev.culvert.policy;

import java.util.List;

/** A YAML document as far as a policy needs it: text, lists and members, each with its place in the file, from 1. */
sealed interface YamlNode {
    int line();

    int column();

    /** What it is, for messages. */
    String kind();

    /** Text as written, never read as a number or a date: {@code 08:00} and {@code 22} stay what they look like. */
    record Scalar(String text, int line, int column) implements YamlNode {
        @Override
        public String kind() {
            return "text";
        }
    }

    record Sequence(List<YamlNode> items, int line, int column) implements YamlNode {
        @Override
        public String kind() {
            return "a list";
        }
    }

    record Mapping(List<Member> members, int line, int column) implements YamlNode {
        @Override
        public String kind() {
            return "a mapping";
        }
    }

    /** One {@code key: value}. */
    record Member(Scalar key, YamlNode value) {}
}
