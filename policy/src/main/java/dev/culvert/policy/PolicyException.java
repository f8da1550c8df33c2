package dev.culvert.policy;

import java.util.List;

/** A policy file is not in order; says everything that is wrong with it, up to a bound. */
public final class PolicyException extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient List<PolicyError> errors;

    PolicyException(List<PolicyError> errors) {
        super(errors.get(0) + (errors.size() == 1 ? "" : " (and " + (errors.size() - 1) + " more)"));
        this.errors = List.copyOf(errors);
    }

    PolicyException(int line, int column, String message) {
        this(List.of(new PolicyError(line, column, message)));
    }

    /** In the order of the file; at least one. */
    public List<PolicyError> errors() {
        return errors;
    }
}
